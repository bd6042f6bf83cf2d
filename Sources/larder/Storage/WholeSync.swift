// One sync for everything that a file system holds: for many folders at once it is the cheaper one by far.

import CSystem
import Glibc

/// `syncfs(2)`, where it can be believed.
enum WholeSync {
  /// Whether it makes names durable and reports errors on the file system of `root`: some (FUSE, most of those on a network)
  /// have nothing behind it.
  static func isKnown(_ root: Int32) -> Bool {
    // ext2 to ext4, XFS, Btrfs, F2FS, tmpfs; see statfs(2).
    [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994].contains(larder_file_system(root))
  }

  /// Makes all of it durable, also what others wrote.
  static func run(_ root: Int32) throws(DiskError) {
    let code = larder_sync_whole(root)
    guard code == 0 else { throw DiskError("sync the file system", -code) }
  }
}
