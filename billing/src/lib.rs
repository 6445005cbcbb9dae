//! weir-billing
