//! Tables of named cases.
