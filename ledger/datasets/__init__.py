"""Published conflict datasets as reports: how their rows read, what they say in claims, and what a later release
says otherwise. Pure functions of rows and of what is recorded; nothing here connects to anything."""
