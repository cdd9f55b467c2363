//! Who may do what: over HTTP, over gRPC, and by the program.
