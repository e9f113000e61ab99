//! Models behind HTTP, against a server that checks every request.

mod accounts;
mod carry;
mod faults;
mod keys;
mod support;
mod wire;
