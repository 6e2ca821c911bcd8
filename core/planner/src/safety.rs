//! Questions of safety. Each answers with the reason against it; none is needed for the answer "it is safe".

use justmanage_model::{NodeId, Waiting};

use crate::view::View;

/// Why a node's server may not be restarted now, if it may not.
///
/// Not while another node cannot be seen (it may be down already), not while the cluster does not serve, and not while a grant
/// is out. The data of a node without replicas is safe over a restart, because a planned stop saves it; it does not serve
/// meanwhile, and whoever changed a key that needs a restart was told so by the plan.
pub(crate) fn why_not_restart(view: &View<'_>, node: NodeId) -> Option<Waiting> {
    if let Some(unseen) = view.unseen().into_iter().next() {
        return Some(unseen);
    }
    if let Some((other, _)) = view.serving().find(|(_, server)| !server.cluster_ok) {
        return Some(Waiting::ClusterNotOk { node: other });
    }
    let grant = view.record.grant.as_ref()?;
    let what = format!("Node {node} needs a restart, and the grant of generation {} is still out.", grant.given);
    Some(view.stuck(view.now, what, "It ends when the nodes that it names are as they are wanted, or are removed."))
}
