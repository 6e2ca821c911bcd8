//! The cluster's secrets, sealed for its members: a [`Vault`] that anybody may see and only members can open.
//!
//! The secrets are encrypted once, with ChaCha20-Poly1305, under a key drawn for this vault alone; that key is sealed for
//! each member by [HPKE](https://www.rfc-editor.org/rfc/rfc9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256
//! and ChaCha20-Poly1305. Why so: docs/decisions/0009-sealed-secrets.md.
//!
//! A seal says for whom, never by whom: whoever knows the public keys can make a vault. That a vault is the cluster's own is
//! known by where it stands, which is the Record that a majority agreed on.
//!
//! Whoever was a member once may have kept the secrets. When a member leaves, [`seal`] anew, and new secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use justmanage_model::{ClusterId, Epoch, NodeId, SealingKey, Secret, Vault};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

mod pair;

pub use pair::SealingPair;

/// First byte of a vault's content: the layout and the algorithms above. Another one is refused, not guessed at.
const LAYOUT: u8 = 1;
/// What the seals are for: HPKE's `info` begins with it, so that a seal of another use of the same keys never opens as one of
/// these. The context follows.
const PURPOSE: &[u8] = b"justmanage vault key 1\0";
/// Length of a vault's key.
const KEY_LEN: usize = 32;
/// Length of what HPKE adds in front of a sealed key: the public half of a key made for this one seal.
const ENCAPSULATED_LEN: usize = 32;

type VaultKey = Zeroizing<[u8; KEY_LEN]>;

/// Why secrets could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The vault holds no key for this node: a member must [`reseal`] it.
    #[error("the secrets are not sealed for node {0}")]
    NotFor(NodeId),
    /// It was sealed for another key, for another cluster or epoch, or was changed since.
    #[error("the sealed secrets do not open: {0}")]
    Refused(&'static str),
    /// Nothing can be sealed for this member: its sealing key is no point that keeps a secret.
    #[error("nothing can be sealed for node {0}: its sealing key is not valid")]
    BadKey(NodeId),
    /// The operating system gave no random numbers.
    #[error("no random numbers")]
    NoRandomness,
}

/// What a vault is bound to: it opens only with the same cluster and epoch as it was sealed with. A group that was re-founded
/// seals its secrets anew.
#[must_use]
pub fn context(cluster: ClusterId, epoch: Epoch) -> Vec<u8> {
    format!("{cluster}/{epoch}").into_bytes()
}

/// Seals secrets for these members, and for nobody else.
///
/// # Errors
/// [`SealError::BadKey`], [`SealError::NoRandomness`].
pub fn seal(
    secrets: &Secret<Vec<u8>>,
    members: impl IntoIterator<Item = (NodeId, SealingKey)>,
    context: &[u8],
) -> Result<Vault, SealError> {
    let random = SystemRandom::new();
    let mut key = VaultKey::default();
    let mut nonce = [0; NONCE_LEN];
    random.fill(key.as_mut()).and_then(|()| random.fill(&mut nonce)).map_err(|_| SealError::NoRandomness)?;

    // Room for everything from the start: a buffer that grows leaves copies of the secrets behind.
    let mut text = Zeroizing::new(Vec::with_capacity(secrets.expose().len() + CHACHA20_POLY1305.tag_len()));
    text.extend_from_slice(secrets.expose());
    // Nothing but an input of 256 GiB makes this fail.
    let too_long = |_| SealError::Refused("there is too much to seal");
    cipher(&key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut *text)
        .map_err(too_long)?;
    let content = [&[LAYOUT][..], &nonce, &text].concat();
    let keys = members.into_iter().map(|member| seal_key(&key, member, context)).collect::<Result<_, _>>()?;
    Ok(Vault { content: BASE64.encode(content), keys })
}

/// The secrets of a vault, opened by one of its members.
///
/// # Errors
/// [`SealError::NotFor`], [`SealError::Refused`].
pub fn open(vault: &Vault, node: NodeId, pair: &SealingPair, context: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
    let key = open_key(vault, node, pair, context)?;
    let content = BASE64.decode(&vault.content).map_err(|_| SealError::Refused("their content is damaged"))?;
    let damaged = || SealError::Refused("their content is damaged, or belongs elsewhere");
    let Some((&LAYOUT, rest)) = content.split_first() else {
        return Err(SealError::Refused("they have a layout that this release does not know"));
    };
    let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
    let mut text = Zeroizing::new(text.to_vec());
    let secrets = cipher(&key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut text)
        .map_err(|_| damaged())?;
    Ok(Secret::new(secrets.to_vec()))
}

/// The same vault, for further members too, by one that can open it. The content stays as it is. A member that has a key in
/// it already gets another, so this also serves one whose sealing key changed.
///
/// # Errors
/// [`SealError::NotFor`], [`SealError::Refused`], [`SealError::BadKey`].
pub fn reseal(
    vault: &Vault,
    node: NodeId,
    pair: &SealingPair,
    context: &[u8],
    added: impl IntoIterator<Item = (NodeId, SealingKey)>,
) -> Result<Vault, SealError> {
    // Opened whole: a key that fits a damaged content would only spread the damage.
    open(vault, node, pair, context)?;
    let key = open_key(vault, node, pair, context)?;
    let mut vault = vault.clone();
    for member in added {
        let (node, sealed) = seal_key(&key, member, context)?;
        vault.keys.insert(node, sealed);
    }
    Ok(vault)
}

fn cipher(key: &VaultKey) -> LessSafeKey {
    // The name warns of nonces used twice: a vault's key is used with one nonce only.
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).expect("32 bytes are a key of ChaCha20-Poly1305");
    LessSafeKey::new(key)
}

fn seal_key(key: &VaultKey, member: (NodeId, SealingKey), context: &[u8]) -> Result<(NodeId, String), SealError> {
    let (node, public) = member;
    let bad = |_| SealError::BadKey(node);
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public.as_bytes()).map_err(bad)?;
    let (encapsulated, sealed) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        &info(context),
        key.as_ref(),
        node.to_string().as_bytes(),
    )
    .map_err(bad)?;
    Ok((node, BASE64.encode([encapsulated.to_bytes().as_slice(), &sealed].concat())))
}

fn open_key(vault: &Vault, node: NodeId, pair: &SealingPair, context: &[u8]) -> Result<VaultKey, SealError> {
    let sealed = vault.keys.get(&node).ok_or(SealError::NotFor(node))?;
    let refused = || SealError::Refused("their key was sealed for another member or cluster, or is damaged");
    let sealed = BASE64.decode(sealed).map_err(|_| refused())?;
    let (encapsulated, sealed) = sealed.split_first_chunk::<ENCAPSULATED_LEN>().ok_or_else(refused)?;
    let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| refused())?;
    let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        pair.private(),
        &encapsulated,
        &info(context),
        sealed,
        node.to_string().as_bytes(),
    );
    let opened = Zeroizing::new(opened.map_err(|_| refused())?);
    let mut key = VaultKey::default();
    if opened.len() != KEY_LEN {
        return Err(refused());
    }
    key.copy_from_slice(&opened);
    Ok(key)
}

fn info(context: &[u8]) -> Vec<u8> {
    [PURPOSE, context].concat()
}
