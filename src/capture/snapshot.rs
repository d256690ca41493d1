//! Stub.
use super::{CaptureFormat, Transcript};
/// Stub.
pub struct SnapshotDocument;
impl CaptureFormat for SnapshotDocument {
    fn name(&self) -> &'static str { "snapshot" }
    fn about(&self) -> &'static str { "" }
    fn header(&self, _line: &str) -> Option<&'static str> { None }
    fn row(&self, _line: &str) -> Option<&'static str> { None }
    fn read(&self, _transcript: &mut Transcript) {}
}
