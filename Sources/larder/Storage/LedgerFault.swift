// What becomes of the process when LMDB trips over a damaged page. It believes its pages, so a value of one that is garbage
// leads it, or the C library on its behalf, to where there is nothing: the kernel says so with a signal and has no other way.
// The line that tells the administrator what to do is written from the handler of that signal, which may call next to
// nothing: no memory is allocated there, and nothing of Swift's library is used that might.

import Glibc

/// Says what a signal means when it is the ledger that is damaged.
enum LedgerFault {
  /// What the handler writes, each a line, made beforehand and kept for good.
  @unsafe private struct Lines {
    let damaged: UnsafeBufferPointer<UInt8>
    let unreadable: UnsafeBufferPointer<UInt8>
    let unknown: UnsafeBufferPointer<UInt8>
  }

  /// Written while there is no handler, or by the one thread that opens ledgers.
  private nonisolated(unsafe) static var lines: Lines?
  /// What was done about the signals before, by number: Swift's own report, or a sanitizer's.
  private nonisolated(unsafe) static var before: (segv: sigaction, abort: sigaction)?

  /// From now on a damaged page of the ledger in `folder` ends the process with status 70 and one line that names the
  /// ledger and what to do.
  ///
  /// A page that cannot be read (`SIGBUS`) is the disk's failure or a file that was cut. `SIGSEGV` and `SIGABRT` (LMDB's own
  /// assertions, and the C library's when its heap was written over) are the ledger's when ``TripCheck`` says so; else they
  /// end the process as ever, after a line that does not leave `larder verify` out.
  static func watch(_ folder: String) {
    let remedy = "larder verify --rebuild makes a new one from the videos on the disk"
    unsafe lines = Lines(
      damaged: line("the ledger at \(folder) is damaged; larder verify says where, and \(remedy)"),
      unreadable: line(
        "the ledger at \(folder) cannot be read: its disk failed or its file was cut; when larder verify finds it damaged, "
          + remedy
      ),
      unknown: line("a fault of the program; when it comes again, larder verify says whether the ledger is damaged"))
    guard unsafe before == nil else { return }
    // A handler may not be the first to ask for anything that Swift makes when it is asked for.
    unsafe _ = TripCheck(fault: 1, context: nil).isLedgers
    var (segv, abort) = (sigaction(), sigaction())
    var action = sigaction()
    action.sa_flags = SA_SIGINFO
    unsafe action.__sigaction_handler.sa_sigaction = { number, info, context in
      unsafe LedgerFault.caught(number, info, context)
    }
    unsafe sigaction(SIGBUS, &action, nil)
    unsafe sigaction(SIGSEGV, &action, &segv)
    unsafe sigaction(SIGABRT, &action, &abort)
    unsafe before = (segv, abort)
  }

  private static func line(_ text: String) -> UnsafeBufferPointer<UInt8> {
    let bytes = Array("larder: \(text)\n".utf8)
    let kept = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    _ = unsafe kept.initialize(from: bytes)
    return UnsafeBufferPointer(kept)
  }

  // MARK: In the handler

  private static func caught(
    _ number: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
  ) {
    guard let lines = unsafe lines else { _exit(70) }
    if number == SIGBUS { unsafe end(lines.unreadable) }
    let fault = number == SIGSEGV ? unsafe UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr) : 0
    if unsafe TripCheck(fault: fault, context: context).isLedgers { unsafe end(lines.damaged) }
    unsafe say(lines.unknown)
    // What was to be done before is done when the instruction fails again, or abort(3) goes on.
    guard var before = unsafe before else { _exit(70) }
    if number == SIGSEGV {
      unsafe sigaction(number, &before.segv, nil)
    } else {
      unsafe sigaction(number, &before.abort, nil)
    }
  }

  private static func end(_ line: UnsafeBufferPointer<UInt8>) -> Never {
    unsafe say(line)
    _exit(70)
  }

  private static func say(_ line: UnsafeBufferPointer<UInt8>) {
    _ = unsafe write(2, line.baseAddress, line.count)
  }
}
