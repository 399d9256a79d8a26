"""Moving the data of a whole shop between one database and three, and between SQLite and MySQL.

It looks at databases of several services, which no service may; so it stands beside the composition root.
"""
