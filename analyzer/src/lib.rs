//! weir-analyzer
