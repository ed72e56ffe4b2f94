"""Campaigns: long runs that try to break a whole system of processes, and say whether its promises held.
No part of the product; they see the service from outside, as its clients, and the database as an auditor does."""
