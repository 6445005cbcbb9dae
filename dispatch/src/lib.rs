//! weir-dispatch
