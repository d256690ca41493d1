//! Tests of the reader on small captures.
