-- What the other tables hold, as a tree of hashes whose root each audit entry names: a read checks the rows that it touches
-- against the root, and with it against the log, at a cost that does not grow with the log.
-- Node 0 is where the log ends: the sequence of the last entry (8 bytes, big-endian), its hash, and the root.
-- Node 1 is the root. The children of node n are 16 n to 16 n + 15, and the body of a node from 1 to 511 is the SHA-256 of its 16
-- children, zeros for a child that is not there. The nodes from 4096 to 8191 hold pairs of 32 bytes, a key and a value, sorted;
-- the first 12 bits of a key say in which node it lies. The file `commitment.rs` says what is committed under which key.
CREATE TABLE commitment (
    node INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;
