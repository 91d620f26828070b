//! Names of error numbers, for `ret errno(EPERM)` and for comments.
//!
//! Most ABIs number their errors as `asm-generic/errno.h` does; alpha, mips, parisc and sparc
//! do not. So a number has a name on an ABI, which comes from the tables. Assembly text is of
//! no ABI: there a name is the generic number, and the disassembler writes numbers.

use filterc_abi::Abi;

/// Of `asm-generic/errno.h`: `(number, name)`, sorted by number; one name a number.
const NAMES: &[(u16, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (5, "EIO"),
    (6, "ENXIO"),
    (7, "E2BIG"),
    (8, "ENOEXEC"),
    (9, "EBADF"),
    (10, "ECHILD"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (15, "ENOTBLK"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (18, "EXDEV"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (26, "ETXTBSY"),
    (27, "EFBIG"),
    (28, "ENOSPC"),
    (29, "ESPIPE"),
    (30, "EROFS"),
    (31, "EMLINK"),
    (32, "EPIPE"),
    (33, "EDOM"),
    (34, "ERANGE"),
    (35, "EDEADLK"),
    (36, "ENAMETOOLONG"),
    (37, "ENOLCK"),
    (38, "ENOSYS"),
    (39, "ENOTEMPTY"),
    (40, "ELOOP"),
    (42, "ENOMSG"),
    (43, "EIDRM"),
    (44, "ECHRNG"),
    (45, "EL2NSYNC"),
    (46, "EL3HLT"),
    (47, "EL3RST"),
    (48, "ELNRNG"),
    (49, "EUNATCH"),
    (50, "ENOCSI"),
    (51, "EL2HLT"),
    (52, "EBADE"),
    (53, "EBADR"),
    (54, "EXFULL"),
    (55, "ENOANO"),
    (56, "EBADRQC"),
    (57, "EBADSLT"),
    (59, "EBFONT"),
    (60, "ENOSTR"),
    (61, "ENODATA"),
    (62, "ETIME"),
    (63, "ENOSR"),
    (64, "ENONET"),
    (65, "ENOPKG"),
    (66, "EREMOTE"),
    (67, "ENOLINK"),
    (68, "EADV"),
    (69, "ESRMNT"),
    (70, "ECOMM"),
    (71, "EPROTO"),
    (72, "EMULTIHOP"),
    (73, "EDOTDOT"),
    (74, "EBADMSG"),
    (75, "EOVERFLOW"),
    (76, "ENOTUNIQ"),
    (77, "EBADFD"),
    (78, "EREMCHG"),
    (79, "ELIBACC"),
    (80, "ELIBBAD"),
    (81, "ELIBSCN"),
    (82, "ELIBMAX"),
    (83, "ELIBEXEC"),
    (84, "EILSEQ"),
    (85, "ERESTART"),
    (86, "ESTRPIPE"),
    (87, "EUSERS"),
    (88, "ENOTSOCK"),
    (89, "EDESTADDRREQ"),
    (90, "EMSGSIZE"),
    (91, "EPROTOTYPE"),
    (92, "ENOPROTOOPT"),
    (93, "EPROTONOSUPPORT"),
    (94, "ESOCKTNOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (96, "EPFNOSUPPORT"),
    (97, "EAFNOSUPPORT"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (102, "ENETRESET"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (106, "EISCONN"),
    (107, "ENOTCONN"),
    (108, "ESHUTDOWN"),
    (109, "ETOOMANYREFS"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
    (114, "EALREADY"),
    (115, "EINPROGRESS"),
    (116, "ESTALE"),
    (117, "EUCLEAN"),
    (118, "ENOTNAM"),
    (119, "ENAVAIL"),
    (120, "EISNAM"),
    (121, "EREMOTEIO"),
    (122, "EDQUOT"),
    (123, "ENOMEDIUM"),
    (124, "EMEDIUMTYPE"),
    (125, "ECANCELED"),
    (126, "ENOKEY"),
    (127, "EKEYEXPIRED"),
    (128, "EKEYREVOKED"),
    (129, "EKEYREJECTED"),
    (130, "EOWNERDEAD"),
    (131, "ENOTRECOVERABLE"),
    (132, "ERFKILL"),
    (133, "EHWPOISON"),
    (134, "EFTYPE"),
];

/// Names that are generic ones by another spelling, or that are on few ABIs only.
const FURTHER: &[&str] = &["EDEADLOCK", "EPROCLIM", "ERREMOTE", "EINIT", "EREMDEV", "EREFUSED"];

/// The generic name of an error number.
#[must_use]
pub fn errno_name(number: u16) -> Option<&'static str> {
    let at = NAMES.binary_search_by_key(&number, |(number, _)| *number).ok()?;
    NAMES.get(at).map(|(_, name)| *name)
}

/// The name of an error number on an ABI.
#[must_use]
pub fn errno_name_on(abi: &'static Abi, number: u16) -> Option<&'static str> {
    let is_it = |name: &&str| abi.constant(name) == Some(number.into());
    // Nearly always it is the generic one.
    let generic = errno_name(number).filter(is_it);
    let names = NAMES.iter().map(|(_, name)| *name).chain(FURTHER.iter().copied());
    generic.or_else(|| names.into_iter().find(is_it))
}

/// The generic number of an error name.
#[must_use]
pub fn errno_number(name: &str) -> Option<u16> {
    NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_one_to_one() {
        assert!(NAMES.is_sorted());
        for (number, name) in NAMES {
            assert_eq!(errno_name(*number), Some(*name));
            assert_eq!(errno_number(name), Some(*number));
        }
        assert_eq!(errno_name(0), None);
        assert_eq!(errno_number("ENOTHING"), None);
    }

    /// The table here is that of the tables' ABIs, but for the architectures with numbers of
    /// their own; and on every ABI a number has the name whose value it is.
    #[test]
    fn the_tables_agree() {
        for abi in filterc_abi::abis() {
            let own = ["alpha", "mips", "parisc", "sparc"].contains(&abi.kernel_arch);
            for (number, name) in NAMES {
                let Some(value) = abi.constant(name) else { continue };
                assert!(own || value == i128::from(*number), "{name} on {}", abi.name);
                let value = u16::try_from(value).unwrap();
                assert_eq!(errno_name_on(abi, value), Some(*name), "{value} on {}", abi.name);
            }
        }
    }

    #[test]
    fn names_are_those_of_the_abi() {
        let on = |name: &str, number| errno_name_on(filterc_abi::abi(name).unwrap(), number);
        assert_eq!((on("x86_64", 11), on("alpha", 11)), (Some("EAGAIN"), Some("EDEADLK")));
        assert_eq!((on("x86_64", 89), on("mips", 89)), (Some("EDESTADDRREQ"), Some("ENOSYS")));
        assert_eq!((on("x86_64", 1133), on("mips", 1133)), (None, Some("EDQUOT")));
        assert_eq!((on("ppc64le", 35), on("ppc64le", 58)), (Some("EDEADLK"), Some("EDEADLOCK")));
        assert_eq!((on("mips", 0), on("mips", 4095)), (None, None));
    }
}
