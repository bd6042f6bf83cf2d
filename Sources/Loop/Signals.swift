// Unix signals as callbacks on the loop.

internal import CLibuv
import Glibc

/// Calls back on the loop for each of some signals, for as long as it is held (`uv_signal_t`).
///
/// Their default action is off meanwhile. Signals of one number that come faster than the loop turns may arrive as one.
@EventLoop
public final class Signals {
  private let received: @EventLoop (Int32) -> Void
  private var sources: [Source] = []

  /// Watches for `numbers`, such as `SIGTERM`; throws for one that cannot be caught.
  public init(_ numbers: [Int32], _ received: @escaping @EventLoop (Int32) -> Void) throws(LoopError) {
    self.received = received
    for number in numbers {
      sources.append(try Source(number) { [weak self] number in self?.received(number) })
    }
  }

  /// One number's handle.
  @EventLoop
  private final class Source {
    private let handle: Handle
    private let received: @EventLoop (Int32) -> Void

    init(_ number: Int32, _ received: @escaping @EventLoop (Int32) -> Void) throws(LoopError) {
      self.received = received
      handle = unsafe try Handle("watch for signals") { unsafe uv_signal_init($0, $1) }
      handle.belongs(to: self)
      let status = unsafe uv_signal_start(
        handle.pointer(),
        { pointer, number in
          let source = unsafe Handle.owner(of: pointer, as: Source.self)
          source.received(number)
        }, number)
      guard status == 0 else { throw LoopError(code: status, operation: "watch for signal \(number)") }
    }

    isolated deinit {}
  }

  isolated deinit {}
}
