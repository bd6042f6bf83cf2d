// When a descriptor may be read or written: the callback that everything fast runs in, and an awaited form of it.

internal import CLibuv
import Glibc

/// Tells when one descriptor is ready (`uv_poll_t`): to a closure, each time, and to a task that awaits it, once.
///
/// Level-triggered: the closure is called in every turn of the loop for as long as the condition holds. A callback
/// allocates nothing. The descriptor is made non-blocking and stays its owner's: close it after `close`, never before.
@safe
@EventLoop
public final class Readiness {
  /// What a descriptor can be ready for.
  public struct Events: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let readable = Events(rawValue: 1)
    public static let writable = Events(rawValue: 2)
    /// The peer will send no more (`EPOLLRDHUP`): worth watching for where nobody reads.
    public static let disconnected = Events(rawValue: 4)
    /// The descriptor has an error pending. Reported unasked and along with all that was watched for, so that the next
    /// read or write finds the error; watching ends with it.
    public static let failed = Events(rawValue: 128)
  }

  public let descriptor: Int32

  /// nil once closed.
  private var handle: Handle?
  private var ready: (@EventLoop (Events) -> Void)?
  private var watched: Events = []
  private var awaited: Events = []
  private var waiter: UnsafeContinuation<Events, Never>?

  /// Throws when the descriptor is no pipe, socket or the like (`EPERM`), or is watched by another already (`EEXIST`).
  public init(descriptor: Int32) throws(LoopError) {
    self.descriptor = descriptor
    let handle = unsafe try Handle("watch descriptor \(descriptor)") { loop, handle in
      unsafe uv_poll_init(loop, handle, descriptor)
    }
    handle.belongs(to: self)
    self.handle = consume handle
  }

  /// Calls `ready` whenever one of `events` holds, in place of what was watched for before.
  public func watch(_ events: Events, _ ready: @escaping @EventLoop (Events) -> Void) {
    self.ready = ready
    watch(events)
  }

  /// Watches for other events with the closure that is there already; for none without forgetting it.
  public func watch(_ events: Events) {
    guard events != watched else { return }
    watched = events
    arm()
  }

  /// Calls back no more and forgets the closure; a task that waits goes on waiting.
  public func stop() {
    watch([])
    ready = nil
  }

  /// Waits until one of `events` holds and says which; the answer is empty when `close` came first or the task was
  /// cancelled.
  ///
  /// One task may wait at a time. The closure of `watch` is called as ever meanwhile.
  public func wait(for events: Events) async -> Events {
    precondition(unsafe waiter == nil, "two tasks wait for one descriptor")
    guard handle != nil else { return [] }
    return await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { continuation in
        unsafe waiter = unsafe continuation
        awaited = events
        arm()
      }
    } onCancel: {
      EventLoop.submit { self.wake([]) }
    }
  }

  /// Ends all watching and wakes a task that waits; then the descriptor may be closed. Harmless when repeated.
  public func close() {
    guard handle != nil else { return }
    handle = nil
    watched = []
    ready = nil
    wake([])
  }

  /// Tells libuv what is wanted now; the system call is put off until the loop waits.
  private func arm() {
    guard let pointer = unsafe (handle?.pointer() as UnsafeMutablePointer<uv_poll_t>?) else { return }
    let wanted = watched.union(awaited).intersection([.readable, .writable, .disconnected])
    var events: UInt32 = 0
    if wanted.contains(.readable) { events |= UV_READABLE.rawValue }
    if wanted.contains(.writable) { events |= UV_WRITABLE.rawValue }
    if wanted.contains(.disconnected) { events |= UV_DISCONNECT.rawValue }
    if events == 0 {
      unsafe uv_poll_stop(pointer)
    } else {
      unsafe uv_poll_start(pointer, Int32(events)) { pointer, status, events in
        let readiness = unsafe Handle.owner(of: pointer, as: Readiness.self)
        readiness.happened(status: status, events: UInt32(events))
      }
    }
  }

  private func happened(status: Int32, events: UInt32) {
    var seen: Events = []
    if events & UV_READABLE.rawValue != 0 { seen.insert(.readable) }
    if events & UV_WRITABLE.rawValue != 0 { seen.insert(.writable) }
    if events & UV_DISCONNECT.rawValue != 0 { seen.insert(.disconnected) }
    let expected = watched
    if status < 0 {
      // libuv has stopped the handle.
      seen = watched.union(awaited).union(.failed)
      watched = []
    }
    if unsafe waiter != nil, status < 0 || !awaited.isDisjoint(with: seen) {
      wake(seen.intersection(awaited.union(.failed)))
    }
    let told = seen.intersection(expected.union(.failed))
    if !told.isEmpty { ready?(told) }
  }

  private func wake(_ events: Events) {
    guard let waiter = unsafe waiter else { return }
    unsafe self.waiter = nil
    awaited = []
    arm()
    unsafe waiter.resume(returning: events)
  }

  isolated deinit {
    // A task that waits holds this object.
    close()
  }
}
