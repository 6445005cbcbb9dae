//! weir-dashboards
