// What the demo prints before and after its walk: what runs where, and what to try next.

import Cache
import HTTP

/// The demo's words.
struct DemoGuide {
  /// `http://HOST:PORT` of the box, as seen from this machine.
  let base: String
  let token: String
  let user: String
  let library: DemoLibrary
  /// Whether other machines can reach the box.
  let isOpen: Bool

  func introduction(origin: String, videos: String, data: String, quota: String) -> String {
    var lines = [
      "Larder \(Version.current) demo: a box and its origin in one process.",
      "",
      "  origin  \(origin)/\(DemoOrigin.bucket)  \(videos), \(ByteText.short(library.size))",
      "  box     \(base)  data in \(data)",
      "  user    \(user), premium, with a quota of \(quota)",
      "",
    ]
    lines += library.notes.map { "  note    \($0)" }
    return lines.joined(separator: "\n")
  }

  func next(_ outcome: DemoWalk.Outcome, walked: DemoTitle) -> String {
    let id = outcome.download
    var lines = [
      "",
      "Open the box's page, signed in as \(user):",
      "",
      "  \(base)/#token=\(token)",
      "",
      "Play it in a browser, or with ffprobe or mpv:",
      "",
      "  \(outcome.link)",
      "",
      "Try the rest in another shell:",
      "",
      "  T='Authorization: Bearer \(token)'",
      "  B=\(base)/api/downloads",
      "",
    ]
    if let other = library.titles.first(where: { $0.key != walked.key }) {
      let body = Self.quoted(
        "{\"content_id\":\(Self.json(other.title.contentID)),\"quality\":\"\(other.title.quality)\"}")
      lines.append("  curl -H \"$T\" $B/start -d \(body)   # download another one")
    }
    lines += [
      "  curl -H \"$T\" $B                      # all of \(user)'s downloads",
      "  curl -H \"$T\" $B/storage              # and the quota",
      "  curl -H \"$T\" $B/\(id)/progress",
      "  curl -H \"$T\" -N $B/events            # progress as it happens; start one meanwhile",
      "  curl -H \"$T\" \(base)/api/catalog",
      "  curl -H \"$T\" -r 0-999 -o part $B/\(id)/play",
      "  curl -H \"$T\" -X DELETE $B/\(id)/delete",
      "",
    ]
    if isOpen { lines += ["From another machine, put this one's address in place of the loopback's.", ""] }
    return lines.joined(separator: "\n")
  }

  /// A text as a JSON string.
  private static func json(_ text: String) -> String {
    var writer = JSONWriter()
    writer.string(text)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// A text as one word of a shell.
  private static func quoted(_ text: String) -> String {
    "'" + text.map { $0 == "'" ? "'\\''" : String($0) }.joined() + "'"
  }
}
