// Stands in for the program's own, which asks the kernel.

/// Which bytes of a file are in the pretend machine's memory.
struct Residency {
  private let handle: Int32

  init(_ file: ObjectFile, size: Int) { handle = file.descriptor }

  func end(_ bytes: Range<Int>) -> Int { unsafe Stage.disk.residentEnd(handle, bytes) }
}
