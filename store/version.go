package store

import sqlite3 "modernc.org/sqlite/lib"

// SQLite returns the version of the SQLite in use.
func SQLite() string { return sqlite3.SQLITE_VERSION }
