//! TEMPORARY
use crate::explore::{Findings, Schema, Statistics};
/// x
#[derive(Debug, serde::Deserialize)]
pub(super) struct Found {
    pub(super) by: String,
    pub(super) check: String,
    pub(super) detail: String,
}
/// x
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) direction: protocol::Direction,
}
/// x
#[derive(Debug)]
#[allow(dead_code)]
pub(super) struct Brief<'a> {
    pub(super) schema: &'a Schema,
    pub(super) statistics: Option<&'a Statistics>,
    pub(super) findings: &'a Findings,
    pub(super) metric: &'a Wanted,
    pub(super) objective: &'a str,
    pub(super) data: &'a str,
    pub(super) timeout_s: u64,
    pub(super) found: &'a [Found],
}
/// x
pub(super) fn design(_: &Brief<'_>) -> Result<Vec<(String, String)>, std::io::Error> {
    Err(std::io::Error::other("not yet"))
}
