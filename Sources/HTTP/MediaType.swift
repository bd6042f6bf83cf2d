// Media types by file extension.
//
// The types that browsers and players act upon for what such a box holds; everything else is octets. Decided once
// for an object, not once for a request.

/// A media type as it stands in Content-Type.
public enum MediaType: UInt8, Sendable, CaseIterable {
  case octetStream
  case mp4, webm, matroska, quickTime, mpeg, transportStream, ogv, avi
  case mp3, mp4Audio, aac, flac, ogg, wav
  case hls, dash, webVTT, subRip
  case jpeg, png, webP, gif, svg
  case json, problemJSON, html, text, css, javaScript, eventStream
  case metrics, ndjson

  /// The type's name, with its character set where that matters.
  public var name: StaticString {
    switch self {
    case .octetStream: "application/octet-stream"
    case .mp4: "video/mp4"
    case .webm: "video/webm"
    case .matroska: "video/x-matroska"
    case .quickTime: "video/quicktime"
    case .mpeg: "video/mpeg"
    case .transportStream: "video/mp2t"
    case .ogv: "video/ogg"
    case .avi: "video/x-msvideo"
    case .mp3: "audio/mpeg"
    case .mp4Audio: "audio/mp4"
    case .aac: "audio/aac"
    case .flac: "audio/flac"
    case .ogg: "audio/ogg"
    case .wav: "audio/wav"
    case .hls: "application/vnd.apple.mpegurl"
    case .dash: "application/dash+xml"
    case .webVTT: "text/vtt; charset=utf-8"
    case .subRip: "application/x-subrip"
    case .jpeg: "image/jpeg"
    case .png: "image/png"
    case .webP: "image/webp"
    case .gif: "image/gif"
    case .svg: "image/svg+xml"
    case .json: "application/json"
    case .problemJSON: "application/problem+json"
    case .html: "text/html; charset=utf-8"
    case .text: "text/plain; charset=utf-8"
    case .css: "text/css; charset=utf-8"
    case .javaScript: "text/javascript; charset=utf-8"
    case .eventStream: "text/event-stream"
    case .ndjson: "application/x-ndjson"
    case .metrics: "text/plain; version=0.0.4; charset=utf-8"
    }
  }

  /// Whether a browser that opens it runs what stands in it, in the name of the server that it came from.
  public var isActive: Bool {
    switch self {
    case .html, .svg, .css, .javaScript: true
    default: false
    }
  }

  /// The type for an extension without its dot, in any case; octets when it is not known.
  public init(fileExtension: String) {
    self =
      switch fileExtension.lowercased() {
      case "mp4", "m4v": .mp4
      case "webm": .webm
      case "mkv": .matroska
      case "mov", "qt": .quickTime
      case "mpg", "mpeg": .mpeg
      case "ts", "m2ts": .transportStream
      case "ogv": .ogv
      case "avi": .avi
      case "mp3": .mp3
      case "m4a": .mp4Audio
      case "aac": .aac
      case "flac": .flac
      case "ogg", "oga", "opus": .ogg
      case "wav": .wav
      case "m3u8": .hls
      case "mpd": .dash
      case "vtt": .webVTT
      case "srt": .subRip
      case "jpg", "jpeg": .jpeg
      case "png": .png
      case "webp": .webP
      case "gif": .gif
      case "svg": .svg
      case "json": .json
      case "html", "htm": .html
      case "txt": .text
      case "css": .css
      case "js", "mjs": .javaScript
      default: .octetStream
      }
  }

  /// The type for the extension of a path's or key's last component; octets when there is none.
  public init(path: String) {
    let name = path.utf8.suffix(while: { $0 != UInt8(ascii: "/") })
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else {
      self = .octetStream
      return
    }
    self.init(fileExtension: String(path[path.utf8.index(after: dot)...]))
  }
}

extension String.UTF8View {
  /// The longest end of the view in which every byte meets the condition.
  fileprivate func suffix(while condition: (UInt8) -> Bool) -> Substring.UTF8View {
    var start = endIndex
    while start > startIndex, condition(self[index(before: start)]) { start = index(before: start) }
    return self[start...]
  }
}
