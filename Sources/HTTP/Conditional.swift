// Conditional requests: RFC 9110, section 13, with the precedence of section 13.2.2.
//
// Evaluated for a representation that exists, before anything else is decided about a GET or HEAD that would
// otherwise succeed.
//
// What the RFC leaves open: a malformed list of tags matches nothing (412 for If-Match, the whole for
// If-None-Match); a malformed or repeated date is ignored, as it must be; a date in If-Range counts as strong once
// the second that it names is over (section 8.8.2.2), and must then equal Last-Modified exactly.

/// Decides whether a request is to be carried out.
public enum Conditional {
  /// What to answer.
  public enum Outcome: Equatable, Sendable {
    /// Carry it out. Range is to be honoured only when `useRange` is true: for a GET that has the header, and whose
    /// If-Range, if any, holds.
    case proceed(useRange: Bool)
    /// 304.
    case notModified
    /// 412.
    case preconditionFailed
  }

  /// Evaluates all conditional headers of a request.
  ///
  /// - Parameters:
  ///   - head: the request's head, complete.
  ///   - bytes: the bytes that it was parsed from.
  ///   - etag: the entity tag of the representation with its quotes; empty when it has none.
  ///   - lastModified: seconds since 1970, nil when not known.
  ///   - now: seconds since 1970.
  public static func evaluate(
    _ head: borrowing RequestHead, in bytes: UnsafeRawBufferPointer, etag: UnsafeRawBufferPointer, lastModified: Int?,
    now: Int
  ) -> Outcome {
    let hasRange = head.method == .get && head.contains(.range)
    guard head.isConditional else { return .proceed(useRange: hasRange) }
    let text = unsafe ByteView(bytes)
    let tag = unsafe ByteView(etag)
    if head.contains(.ifMatch) {
      guard matches(tag, .ifMatch, .strong, head, text) else { return .preconditionFailed }
    } else if let lastModified, let date = date(.ifUnmodifiedSince, head, text, now) {
      guard lastModified <= date else { return .preconditionFailed }
    }
    let isRetrieval = head.method == .get || head.method == .head
    if head.contains(.ifNoneMatch) {
      if matches(tag, .ifNoneMatch, .weak, head, text) { return isRetrieval ? .notModified : .preconditionFailed }
    } else if isRetrieval, let lastModified, let date = date(.ifModifiedSince, head, text, now) {
      if lastModified <= date { return .notModified }
    }
    guard hasRange, let value = head[.ifRange] else { return .proceed(useRange: hasRange) }
    let holds = !head.isRepeated(.ifRange) && ifRange(value.view(in: text), tag, lastModified, now)
    return .proceed(useRange: holds)
  }

  /// Whether the tag is in the lists of that name, which together are one list, or the value is `*`.
  private static func matches(
    _ tag: ByteView, _ name: HeaderName, _ comparison: EntityTagComparison, _ head: borrowing RequestHead,
    _ text: ByteView
  ) -> Bool {
    if !head.isRepeated(name), let value = head[name], EntityTag.isAny(value.view(in: text)) { return true }
    var found = false
    for index in 0..<head.fieldCount where head[index].known == name {
      guard let match = EntityTag.list(head[index].value.view(in: text), contains: tag, comparison) else {
        return false
      }
      found = found || match
    }
    return found
  }

  /// The date in that header, nil when there is none, or more than one.
  private static func date(_ name: HeaderName, _ head: borrowing RequestHead, _ text: ByteView, _ now: Int) -> Int? {
    guard !head.isRepeated(name), let value = head[name] else { return nil }
    return HTTPDate.parse(value.view(in: text), now: now)
  }

  /// Whether If-Range holds (section 13.1.5).
  private static func ifRange(_ validator: ByteView, _ tag: ByteView, _ lastModified: Int?, _ now: Int) -> Bool {
    if EntityTag.matches(validator, tag, .strong) { return true }
    guard let lastModified, let date = HTTPDate.parse(validator, now: now) else { return false }
    return date == lastModified && lastModified < now
  }
}
