// The sync of everything, answered by the pretend disk.

import Glibc

enum WholeSync {
  static func isKnown(_ root: Int32) -> Bool { true }

  static func run(_ root: Int32) throws(DiskError) {
    let code = unsafe Stage.disk.synchronizeNames()
    Trace.detail("syncfs: \(code)")
    guard code == 0 else { throw DiskError("sync the file system", code) }
  }
}
