// The memory of a libuv handle, which libuv owns from init until the close callback.

internal import CLibuv
import Glibc

/// One libuv handle of any kind: closed when this value ends, freed when libuv says that it has let go.
///
/// Must begin and end on the loop thread; the classes around it have isolated deinits for that.
@safe
struct Handle: ~Copyable {
  /// The handle as libuv's functions for all kinds take it.
  let base: UnsafeMutablePointer<uv_handle_t>

  /// Allocates a handle of the kind `Raw` and has `start` initialize it on the loop; throws what that answers.
  init<Raw>(
    _ operation: @autoclosure () -> String,
    _ start: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<Raw>) -> Int32
  ) throws(LoopError) {
    guard let memory = unsafe calloc(1, MemoryLayout<Raw>.size) else {
      throw LoopError(code: ENOMEM, operation: operation())
    }
    let status = unsafe start(EventLoop.executor.loop, memory.assumingMemoryBound(to: Raw.self))
    guard status == 0 else {
      unsafe free(memory)
      throw LoopError(code: status, operation: operation())
    }
    unsafe base = unsafe memory.assumingMemoryBound(to: uv_handle_t.self)
  }

  /// The handle as the functions of its own kind take it: `Raw` as in `init`.
  func pointer<Raw>() -> UnsafeMutablePointer<Raw> {
    unsafe UnsafeMutableRawPointer(base).assumingMemoryBound(to: Raw.self)
  }

  /// Makes `owner` what `Handle.owner(of:)` finds in a callback. The owner must end the handle before itself.
  func belongs(to owner: AnyObject) {
    unsafe uv_handle_set_data(base, Unmanaged.passUnretained(owner).toOpaque())
  }

  /// The owner of the handle that libuv calls back about.
  static func owner<Owner: AnyObject>(of pointer: UnsafeMutableRawPointer?, as type: Owner.Type) -> Owner {
    guard let data = unsafe uv_handle_get_data(pointer?.assumingMemoryBound(to: uv_handle_t.self)) else {
      preconditionFailure("a libuv handle without an owner")
    }
    return unsafe Unmanaged<Owner>.fromOpaque(data).takeUnretainedValue()
  }

  deinit {
    EventLoop.executor.checkIsolated()
    unsafe uv_close(base) { handle in unsafe free(handle) }
  }
}
