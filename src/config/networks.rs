//! Networks as they are written in settings: `10.0.0.0/8`, `fd00::/8`, or one address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Without the bits beyond `bits`.
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// An address of version 4 written as one of version 6 is the one of version 4.
    pub fn contains(&self, address: IpAddr) -> bool {
        begins(address.to_canonical(), self.bits) == self.base
    }
}

/// `address` with only its first bits left.
fn begins(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(drop)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.trim().parse::<u8>().ok().filter(|bits| *bits <= most).ok_or(())?,
            None => most,
        };
        // `::ffff:10.0.0.0/104` is 10.0.0.0/8; with fewer bits it is no network of version 4.
        let (address, bits) = match (address, bits.checked_sub(96)) {
            (IpAddr::V6(v6), Some(left)) if v6.to_ipv4_mapped().is_some() => (address.to_canonical(), left),
            _ => (address, bits),
        };
        Ok(Self { base: begins(address, bits), bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.base, self.bits) {
            (IpAddr::V4(v4), 32) => write!(f, "{v4}"),
            (IpAddr::V6(v6), 128) => write!(f, "{v6}"),
            (base, bits) => write!(f, "{base}/{bits}"),
        }
    }
}

/// What one household holds of addresses: whoever has one of version 6 has 2^64 of them.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().expect("a network").contains(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_holds_what_begins_with_its_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.9.9.9", "192.168.0.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::1", "::1", "127.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.4.4.4", "11.4.4.4"),
            ("192.168.1.0/24", "::ffff:192.168.1.9", "::ffff:192.168.2.9"),
        ] {
            assert!(holds(network, inside), "{network} {inside}");
            assert!(!holds(network, outside), "{network} {outside}");
        }
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::2"));
        assert!(holds("::/0", "2001:db8::1") && !holds("::/0", "8.8.8.8"));
    }

    #[test]
    fn what_is_no_network_is_not_taken_for_one() {
        for text in ["", "localhost", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "*"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_is_shown_as_it_is_written() {
        for text in ["10.0.0.0/8", "127.0.0.1", "fd00::/8", "::1"] {
            assert_eq!(text.parse::<Network>().expect("a network").to_string(), text);
        }
    }
}
