//! Stub.
use super::{CaptureFormat, Transcript};
/// Stub.
pub struct Ss;
impl CaptureFormat for Ss {
    fn name(&self) -> &'static str { "ss" }
    fn about(&self) -> &'static str { "" }
    fn header(&self, _line: &str) -> Option<&'static str> { None }
    fn row(&self, _line: &str) -> Option<&'static str> { None }
    fn read(&self, _transcript: &mut Transcript) {}
}
