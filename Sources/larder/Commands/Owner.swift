// Whom a command works as: root may do everything, and what root makes the daemon cannot open.

import CSystem
import Glibc

/// The user whom the data directory belongs to, for a command that root has started: what root made there, the daemon
/// could not open.
struct Owner {
  private let path: String
  private let user: uid_t
  private let group: gid_t

  /// Nil when there is nothing to change: this is not root, or root owns it.
  init?(of path: String) throws(StartFailure) {
    guard geteuid() == 0 else { return nil }
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      throw .configuration("storage.path: \(DiskError("look at \(path)", errno))")
    }
    guard status.st_uid != 0 else { return nil }
    (self.path, user, group) = (path, status.st_uid, status.st_gid)
  }

  /// Works as that user from now on, for good (`setuid(2)`). The data of a `DynamicUser=` lies below a folder that is
  /// root's alone, and the way through that stays open.
  func become() throws(StartFailure) {
    guard setgroups(0, nil) == 0, setgid(group) == 0, unsafe larder_become(user, path) == 0 else {
      throw .fault("\(DiskError("work as the owner of the data directory", errno))")
    }
  }

  /// Gives a file to that user that may have been made a moment ago.
  func take(_ name: String, below path: String) { _ = unsafe lchown("\(path)/\(name)", user, group) }
}
