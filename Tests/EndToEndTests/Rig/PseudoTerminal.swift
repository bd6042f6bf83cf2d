// A terminal without a screen: what a program draws on it is read here, and what is typed comes from here (pty(7)).

import Foundation
import Glibc

/// A pseudo terminal; this is its controlling side.
final class PseudoTerminal {
  private let master: Int32
  /// Held open, so that the settings stay when a program ends.
  private let slave: Int32
  /// The path of the side that programs use.
  let path: String
  private var received: [UInt8] = []

  /// `TIOCSPTLCK` and `TIOCGPTN`, ioctl_tty(2).
  private static let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)

  init(columns: Int, rows: Int) throws {
    // What posix_openpt(3), unlockpt(3) and ptsname(3) do, which Swift's module of glibc hides.
    master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var (locked, number): (Int32, Int32) = (0, 0)
    guard master >= 0, unsafe ioctl(master, Self.setLock, &locked) == 0,
      unsafe ioctl(master, Self.getNumber, &number) == 0
    else { throw RigFailure.call("open /dev/ptmx") }
    path = "/dev/pts/\(number)"
    slave = unsafe open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard slave >= 0 else { throw RigFailure.call("open \(path)") }
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
    resize(columns: columns, rows: rows)
  }

  deinit {
    close(slave)
    close(master)
  }

  func resize(columns: Int, rows: Int) {
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = unsafe ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  func type(_ keys: [UInt8]) { _ = unsafe write(master, keys, keys.count) }

  /// Whether keys are read line by line, and shown.
  var isCooked: Bool {
    var settings = termios()
    guard unsafe tcgetattr(slave, &settings) == 0 else { return false }
    let wanted = tcflag_t(ICANON | ECHO | ISIG)
    return settings.c_lflag & wanted == wanted
  }

  /// Everything that was written so far.
  var text: String {
    while true {
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = unsafe read(master, &buffer, buffer.count)
      guard count > 0 else { return String(decoding: received, as: UTF8.self) }
      received += buffer[..<count]
    }
  }

  /// The last whole picture that was drawn, line by line.
  var picture: [String] {
    // Each begins at the upper left corner and ends with wiping what is below.
    let parts = text.components(separatedBy: "\u{1B}[H").dropFirst()
    guard let whole = parts.last(where: { $0.contains("\u{1B}[J") }) else { return [] }
    let picture = whole.components(separatedBy: "\u{1B}[J")[0]
    return picture.components(separatedBy: "\r\n").map { $0.replacingOccurrences(of: "\u{1B}[K", with: "") }
  }
}
