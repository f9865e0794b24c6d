"""What the commands show and how: tables of 80 columns, one module a kind of result."""
