//! Models behind HTTP, against a server that checks every request.

mod accounts;
mod carry;
mod faults;
mod keys;
mod search;
mod support;
mod wire;
