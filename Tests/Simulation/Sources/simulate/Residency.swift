// Stands in for the program's own, which asks the kernel.

/// Which bytes of a file are in the pretend machine's memory.
struct Residency {
  private let handle: Int32

  init(_ file: ObjectFile, size: Int) { handle = file.descriptor }

  func end(_ bytes: Range<Int>) -> Int {
    var end = bytes.lowerBound
    while end < bytes.upperBound {
      let next = min(bytes.upperBound, (end / Inode.page + 1) * Inode.page)
      guard unsafe Stage.disk.isResident(handle, end..<next) else { break }
      end = next
    }
    return end
  }
}
