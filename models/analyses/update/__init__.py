"""A living review: what new arms change, how the evidence came, which arm would change most."""
