// Comparing secrets: how long it takes says nothing about where they differ.

/// Whether two runs of bytes are equal, in a time that depends on their lengths alone.
///
/// Sixteen bytes a step, every difference gathered and looked at once, at the end.
func areEqualInConstantTime(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  guard a.count == b.count else { return false }
  var differences = SIMD2<UInt64>(repeating: 0)
  var offset = 0
  while offset &+ 16 <= a.count {
    differences |=
      unsafe a.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self)
      ^ b.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self)
    offset &+= 16
  }
  var difference = differences[0] | differences[1]
  while offset < a.count {
    difference |= unsafe UInt64(a[offset] ^ b[offset])
    offset &+= 1
  }
  return difference == 0
}
