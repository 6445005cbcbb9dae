//! weir-scheduler
