"""Runs of networks: problems, configurations, records, the scout, the claims, the command line."""
