// The administration socket's file: made, replaced when nobody listens at it any longer, never stolen.

import Glibc
import Loop

/// Listens where `server.admin_socket` says.
enum AdminListener {
  /// Who owns the file may connect, and its group.
  private static let mode: UInt32 = 0o660
  /// The group of the box's administrators, where there is one.
  private static let groupName = "larder"

  /// Listens at `path`, whose folder is made when only that is missing. Blocks, since it may ask the system's directory of
  /// groups: for the start.
  ///
  /// - Throws: a ``LoopError``, `EADDRINUSE` when somebody listens there or the path is no socket's; a ``DiskError`` when
  ///   the folder cannot be made.
  @EventLoop
  static func listen(_ path: String) throws -> Listener {
    let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    if !folder.isEmpty, unsafe access(folder, F_OK) != 0, unsafe mkdir(folder, 0o755) != 0, errno != EEXIST {
      throw DiskError("make \(folder)", errno)
    }
    let listener = try Listener(address: SocketAddress(parsing: path), backlog: 64, mode: mode)
    // It stays as it is when it cannot be given away: its owner may still connect.
    if let id = groupID() { _ = unsafe chown(path, uid_t.max, id) }
    return listener
  }

  private static func groupID() -> gid_t? {
    var entry = unsafe group()
    var found: UnsafeMutablePointer<group>?
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { room in
      guard let start = room.baseAddress,
        unsafe getgrnam_r(groupName, &entry, start, room.count, &found) == 0, unsafe found != nil
      else { return nil }
      return unsafe entry.gr_gid
    }
  }
}
