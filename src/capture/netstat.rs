//! Stub.
use super::{CaptureFormat, Transcript};
/// Stub.
pub struct Netstat;
impl CaptureFormat for Netstat {
    fn name(&self) -> &'static str { "netstat" }
    fn about(&self) -> &'static str { "" }
    fn header(&self, _line: &str) -> Option<&'static str> { None }
    fn row(&self, _line: &str) -> Option<&'static str> { None }
    fn read(&self, _transcript: &mut Transcript) {}
}
