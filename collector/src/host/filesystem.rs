//! Sizes of the mounted file systems: `/proc/self/mounts` and statvfs(3).

use std::collections::BTreeSet;

use procfs::MountEntry;
use rustix::fs::StatVfs;

use super::{ReadError, samples::Samples};

/// Types without blocks of their own: node-exporter's default exclusion.
const TYPES_WITHOUT_BLOCKS: [&str; 24] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
    "erofs",
];

/// Types whose statvfs asks another machine, and hangs when that does not answer.
const TYPES_OF_OTHER_HOSTS: [&str; 8] = ["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "fuse.sshfs"];

/// Where container runtimes and the kernel mount: node-exporter's default exclusion.
const PATHS_LEFT_OUT: [&str; 5] = ["/dev", "/proc", "/sys", "/run/credentials", "/var/lib/docker"];

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    let mut seen = BTreeSet::new();
    for mount in procfs::mounts()?.iter().filter(|mount| is_measured(mount)) {
        // Of file systems mounted over each other the path reaches the last, once.
        if seen.insert(mount.fs_file.clone()) {
            let stat = rustix::fs::statvfs(mount.fs_file.as_str()).ok();
            push(mount, stat.as_ref(), samples);
        }
    }
    Ok(())
}

fn is_measured(mount: &MountEntry) -> bool {
    let kind = mount.fs_vfstype.as_str();
    let below =
        |path: &str| mount.fs_file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !TYPES_WITHOUT_BLOCKS.contains(&kind)
        && !TYPES_OF_OTHER_HOSTS.contains(&kind)
        && !PATHS_LEFT_OUT.iter().any(|path| below(path))
}

/// `stat` is `None` where the file system did not answer.
fn push(mount: &MountEntry, stat: Option<&StatVfs>, samples: &mut Samples<'_>) {
    let labels = [
        ("device", mount.fs_spec.as_str()),
        ("mountpoint", mount.fs_file.as_str()),
        ("fstype", mount.fs_vfstype.as_str()),
    ];
    let mut push = |metric: &str, value: f64| samples.push(&format!("node_filesystem_{metric}"), &labels, value);
    push("device_error", f64::from(u8::from(stat.is_none())));
    let Some(stat) = stat else { return };
    let block = stat.f_frsize as f64;
    push("size_bytes", stat.f_blocks as f64 * block);
    push("free_bytes", stat.f_bfree as f64 * block);
    push("avail_bytes", stat.f_bavail as f64 * block);
    push("files", stat.f_files as f64);
    push("files_free", stat.f_ffree as f64);
    push("readonly", f64::from(u8::from(mount.fs_mntops.contains_key("ro"))));
}

#[cfg(test)]
mod tests {
    use procfs::FromRead;

    use super::*;
    use crate::host::samples::gathered;

    fn mounts(text: &str) -> Vec<MountEntry> {
        Vec::<MountEntry>::from_read(text.as_bytes()).unwrap()
    }

    #[test]
    fn only_local_file_systems_with_blocks_are_measured() {
        let mounts = mounts(
            "/dev/vda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\nhost:/home /home nfs4 rw 0 0\n\
             tmpfs /run tmpfs ro 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n/dev/vdb /device xfs rw 0 0\n",
        );
        let measured: Vec<&str> =
            mounts.iter().filter(|mount| is_measured(mount)).map(|mount| mount.fs_file.as_str()).collect();
        assert_eq!(measured, ["/", "/run", "/device"]);
    }

    #[test]
    fn a_real_file_system_has_a_size_and_a_dead_one_an_error() {
        let mount = &mounts("disk / ext4 ro 0 0\n")[0];
        let stat = rustix::fs::statvfs("/").unwrap();
        let text = gathered(|samples| push(mount, Some(&stat), samples));
        let size = format!("{}", stat.f_blocks as f64 * stat.f_frsize as f64);
        let labels = r#"{device="disk",fstype="ext4",mountpoint="/"}"#;
        assert!(text.contains(&format!("node_filesystem_size_bytes{labels} {size}\n")), "{text}");
        assert!(text.contains(&format!("node_filesystem_readonly{labels} 1\n")), "{text}");
        let dead = gathered(|samples| push(mount, None, samples));
        assert_eq!(dead, format!("node_filesystem_device_error{labels} 1\n"));
    }
}
