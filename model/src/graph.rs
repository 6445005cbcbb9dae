//! The estate as a graph: nodes are nodes, edges are links.

use petgraph::graph::DiGraph;

use crate::{
    estate::Estate,
    id::{LinkOrd, NodeOrd},
};

/// Vertex `i` is node `i`; edge weights name links.
pub type EstateGraph = DiGraph<NodeOrd, LinkOrd, u32>;

/// The graph of `estate`; vertex and edge indices equal the ordinals.
pub fn of(estate: &Estate) -> EstateGraph {
    let mut graph = EstateGraph::with_capacity(estate.nodes.len(), estate.links.len());
    for index in 0..estate.nodes.len() {
        graph.add_node(NodeOrd::of(index));
    }
    for (index, link) in estate.links.iter().enumerate() {
        graph.add_edge(link.from.0.into(), link.to.0.into(), LinkOrd::of(index));
    }
    graph
}
