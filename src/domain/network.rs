//! Networks: which addresses an outgoing request may reach.
//!
//! Whoever can name an address – a customer, a rule, a redirect – could otherwise have
//! Provost ask the machine it runs on, its neighbours, or a cloud's metadata service. So
//! only public addresses are reached, and those that the configuration lists. An address
//! that carries another one (IPv4 in IPv6, 6to4, NAT64, Teredo) is judged by what it
//! carries. *Source*: the IANA special-purpose address registries.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A network, as `ADDRESS/BITS`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// IPv4 that is not for everybody: `(first address, bits)`.
const SPECIAL_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// IPv6 that is for everybody lies within `2000::/3`; these parts of it are not.
const SPECIAL_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8`, or an address alone.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().ok()?,
        };
        (bits <= most).then_some(Self { address, bits })
    }

    /// Tells whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let (own, other) = (u32::from(own), u32::from(other));
                own.checked_shr(32 - u32::from(self.bits))
                    == other.checked_shr(32 - u32::from(self.bits))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let (own, other) = (u128::from(own), u128::from(other));
                own.checked_shr(128 - u32::from(self.bits))
                    == other.checked_shr(128 - u32::from(self.bits))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Tells whether an outgoing request may reach an address: it is public, or one of these networks
/// lists it.
pub fn may_reach(address: IpAddr, listed: &[Network]) -> bool {
    let carried = carried_by(address);
    let is_listed = |address| listed.iter().any(|network| network.contains(address));
    is_public(carried) && is_public_outside(address) || is_listed(carried) || is_listed(address)
}

/// Gives the IPv4 address that an IPv6 address carries; any other address as it is.
fn carried_by(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    let last = |six: Ipv6Addr| {
        let [.., a, b, c, d] = six.octets();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match six.segments() {
        // Mapped, compatible, translated, and NAT64 with its local prefix.
        [0, 0, 0, 0, 0 | 0xffff, 0, ..]
        | [0, 0, 0, 0, 0, 0xffff, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..] => last(six),
        // 6to4 carries it behind its prefix.
        [0x2002, high, low, ..] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        // Teredo carries it turned around.
        [0x2001, 0, .., high, low] => {
            let [a, b] = (!high).to_be_bytes();
            let [c, d] = (!low).to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => !SPECIAL_V4.iter().any(|&(first, bits)| {
            let network = Network {
                address: IpAddr::V4(first),
                bits,
            };
            network.contains(IpAddr::V4(four))
        }),
        IpAddr::V6(six) => {
            let is_global = six.segments()[0] & 0xe000 == 0x2000;
            is_global
                && !SPECIAL_V6.iter().any(|&(first, bits)| {
                    let network = Network {
                        address: IpAddr::V6(first),
                        bits,
                    };
                    network.contains(address)
                })
        }
    }
}

/// Teredo is not reached at all: nothing public answers there any more.
fn is_public_outside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(six) => !matches!(six.segments(), [0x2001, 0, ..]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reaches(address: &str, listed: &[&str]) -> bool {
        let networks: Vec<Network> = listed
            .iter()
            .map(|text| Network::parse(text).expect("a network"))
            .collect();
        may_reach(address.parse().expect("an address"), &networks)
    }

    #[test]
    fn only_public_addresses_are_reached() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.128.0.0",
            "172.32.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2002:101:101::1",
            "64:ff9b::1.1.1.1",
            "::ffff:1.1.1.1",
        ] {
            assert!(reaches(public, &[]), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:7f00:1::1",
            "2001:0:4136:e378:8000:63bf:80ff:fffe",
            "2001:db8::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!reaches(private, &[]), "{private}");
        }
    }

    #[test]
    fn what_is_listed_is_reached_and_nothing_beside_it() {
        assert!(reaches("127.0.0.1", &["127.0.0.0/8"]));
        assert!(reaches("::ffff:127.0.0.1", &["127.0.0.0/8"]));
        assert!(!reaches("10.0.0.1", &["127.0.0.0/8"]));
        assert!(reaches("10.0.0.1", &["10.0.0.1"]) && !reaches("10.0.0.2", &["10.0.0.1"]));
        assert!(reaches("fd00::5", &["fd00::/64"]) && !reaches("fd01::5", &["fd00::/64"]));
        assert!(reaches("192.168.0.1", &["0.0.0.0/0"]) && reaches("::1", &["::/0"]));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "fd00::/129",
            "10.0.0/8",
            "localhost",
            "10.0.0.0/x",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        let parsed = Network::parse("10.0.0.0/8").map(|network| network.to_string());
        assert_eq!(parsed.as_deref(), Some("10.0.0.0/8"));
    }

    proptest! {
        #[test]
        fn however_a_private_address_is_wrapped_it_is_not_reached(host in any::<u32>(), at in 0..15_usize) {
            let (first, bits) = SPECIAL_V4[at];
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            let four = Ipv4Addr::from(u32::from(first) & mask | host & !mask);
            let [a, b, c, d] = four.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for six in [
                four.to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 1, 2, 3, 4, !high, !low),
            ] {
                prop_assert!(!may_reach(IpAddr::V6(six), &[]), "{six}");
            }
            prop_assert!(!may_reach(IpAddr::V4(four), &[]));
        }
    }
}
