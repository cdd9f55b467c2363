//! Every open trait of mlcore, implemented by a crate that knows its published API only.
