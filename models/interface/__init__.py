"""What scripts share: options, progress, exit codes, the job.

May import everything.
"""
