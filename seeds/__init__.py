"""Seed reports: the founding case in the project's own words, and one governorate of a public dataset.
Files for the `seed` command and for tests; sources and licences are in the README. It talks to no server."""
