// posix_spawn(3), and the process that cleans up after the tests.

import Foundation
import Glibc

/// What a new program reads on standard input.
enum SpawnInput {
  case file(String)
  case descriptor(Int32)
}

/// Starts a program in a process group of its own, with no descriptor, blocked signal
/// or ignored signal of this process, so that neither can disturb the other.
func spawn(
  _ executable: String, _ arguments: [String], environment: [String: String], input: SpawnInput, output: String,
  errors: String
) throws -> pid_t {
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  switch input {
  case .file(let path): unsafe posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
  case .descriptor(let descriptor): unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
  }
  unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
  unsafe posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o644)
  try unsafe closeOthers(&actions)

  var attributes = posix_spawnattr_t()
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  var signals = sigset_t()
  unsafe sigemptyset(&signals)
  unsafe posix_spawnattr_setsigmask(&attributes, &signals)
  unsafe sigfillset(&signals)
  unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
  unsafe posix_spawnattr_setpgroup(&attributes, 0)
  unsafe posix_spawnattr_setflags(
    &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

  let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  var argv = unsafe ([executable] + arguments).map { unsafe strdup($0) } + [nil]
  var envp = unsafe variables.map { unsafe strdup("\($0)=\($1)") } + [nil]
  defer {
    for index in unsafe argv.indices { unsafe free(argv[index]) }
    for index in unsafe envp.indices { unsafe free(envp[index]) }
  }
  var pid: pid_t = 0
  let code = unsafe posix_spawn(&pid, executable, &actions, &attributes, &argv, &envp)
  guard code == 0 else { throw unsafe RigFailure("\(executable): \(String(cString: strerror(code)))") }
  return pid
}

/// Has the new program start without any descriptor above standard error.
///
/// `posix_spawn_file_actions_addclosefrom_np` is in glibc since 2.34, but Swift's module of it hides GNU's additions.
private func closeOthers(_ actions: inout posix_spawn_file_actions_t) throws {
  typealias Function = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
  guard let symbol = unsafe dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
    throw RigFailure("glibc is older than 2.34")
  }
  let addCloseFrom = unsafe unsafeBitCast(symbol, to: Function.self)
  unsafe _ = addCloseFrom(&actions, 3)
}

/// A small process that outlives this one, kills the programs that it has left
/// and removes the tests' directory.
struct Reaper: Sendable {
  static let shared = Reaper()
  private let pipe: Int32

  /// It reads what starts and what ends, and acts when the pipe closes, as it does when this process is gone.
  private static let script = """
    declare -A running
    while read -r what pid; do
      case $what in started) running[$pid]=1 ;; ended) unset "running[$pid]" ;; esac
    done
    for pid in "${!running[@]}"; do kill -KILL "$pid"; done
    while read -r _ place _; do case $place in "$0"/*) umount -l "$place" ;; esac; done </proc/mounts
    rm -rf "$0"
    """

  private init() {
    var ends: [Int32] = [0, 0]
    precondition(unsafe Glibc.pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    pipe = ends[1]
    do {
      _ = try spawn(
        "/bin/bash", ["-c", Self.script, Scratch.shared.root], environment: [:], input: .descriptor(ends[0]),
        output: "/dev/null", errors: "/dev/null")
    } catch {
      preconditionFailure("\(error)")
    }
    close(ends[0])
  }

  func started(_ pid: pid_t) { tell("started \(pid)\n") }
  func ended(_ pid: pid_t) { tell("ended \(pid)\n") }

  /// Short enough for the pipe to take it at once and whole.
  private func tell(_ line: String) {
    unsafe line.withCString { text in _ = unsafe write(pipe, text, strlen(text)) }
  }
}
