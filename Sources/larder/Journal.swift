// Where standard error leads: to the system's journal or to people.

import Glibc

/// The system's journal.
enum Journal {
  /// Whether standard error is connected to it. Systemd says which device and inode it has connected: a program whose
  /// standard error was led elsewhere since then writes for people (systemd.exec(5), `JOURNAL_STREAM`).
  static let isStandardError: Bool = {
    guard let stream = environment("JOURNAL_STREAM") else { return false }
    var status = stat()
    guard unsafe fstat(2, &status) == 0 else { return false }
    return stream == "\(status.st_dev):\(status.st_ino)"
  }()
}
