//! How output may look on its medium.

/// Width and colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Columns of the terminal; `None` for a file or a pipe: lines are then as long as what they hold.
    pub width: Option<usize>,
    /// Whether colours are wanted (ECMA-48 SGR).
    pub colour: bool,
}
