// What the demo's origin has to offer: each video of a folder as a title with a key in the bucket, and the catalogue.

import CSystem
import Cache
import DemoVideos
import Glibc
import HTTP

/// One video file as a title.
struct DemoTitle: Sendable {
  let title: Title
  /// In the bucket.
  let key: String
  /// The file's.
  let path: String
  /// In bytes, when the folder was read.
  let size: Int
}

/// The videos of one folder, sorted by name.
struct DemoLibrary: Sendable {
  let titles: [DemoTitle]
  /// What is in the folder and could not be offered, and why.
  let notes: [String]

  /// Takes every video of a folder, not of the folders in it.
  ///
  /// `NAME_720p.mp4` is the title NAME in 720p; a name without a quality at its end is all of the title's, in `source`.
  /// Nothing is read but names and sizes.
  ///
  /// - Throws: ``StartFailure`` with the status of wrong usage when there is no video.
  init(folder: String) throws(StartFailure) {
    let names: [String]
    do { names = try Folder.names(in: folder) } catch { throw .usage("--videos: \(error)") }
    var titles: [DemoTitle] = []
    var notes: [String] = []
    var taken: Set<Title> = []
    for name in names {
      guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { continue }
      let fileExtension = name[name.index(after: dot)...].lowercased()
      guard Self.extensions.contains(fileExtension) else { continue }
      var status = stat()
      guard unsafe stat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      let (contentID, quality) = Self.split(name[..<dot])
      // The same name in another format is another quality of the title.
      let found = [quality, "\(quality)-\(fileExtension)"].lazy.compactMap {
        try? Title(contentID: contentID, quality: $0)
      }
      .first { !taken.contains($0) }
      guard let title = found else {
        notes.append("\(name) is left out: its name is no content id of 1 to 128 bytes, or is there twice")
        continue
      }
      taken.insert(title)
      titles.append(
        DemoTitle(
          title: title, key: "\(contentID)/\(title.quality).\(fileExtension)", path: "\(folder)/\(name)",
          size: Int(status.st_size)))
    }
    guard !titles.isEmpty else {
      throw .usage("--videos: there is no video in \(folder) (\(Self.extensions.joined(separator: ", ")))")
    }
    self.titles = titles
    self.notes = notes
  }

  /// Writes the videos that ship inside the program into a folder of their own, and takes them from there.
  static func shipped(in folder: String) throws -> DemoLibrary {
    guard unsafe mkdir(folder, 0o700) == 0 else { throw DiskError("make \(folder)", errno) }
    for index in 0..<demoVideoCount() {
      let video = unsafe demoVideo(index)
      let name = unsafe String(cString: video.key).map { $0 == "/" ? "_" : $0 }
      let bytes = unsafe Array(UnsafeBufferPointer(start: video.bytes, count: video.count))
      if let error = SmallFile.replace("\(folder)/\(String(name))", with: bytes) { throw error }
    }
    return try DemoLibrary(folder: folder)
  }

  /// All bytes together.
  var size: Int { titles.reduce(0) { $0 + $1.size } }

  /// The catalogue, as a platform would keep it in its bucket.
  var catalogue: [UInt8] {
    let ids = titles.map(\.title.contentID)
    let distinct = ids.enumerated().filter { ids.firstIndex(of: $0.element) == $0.offset }.map(\.element)
    var writer = JSONWriter()
    writer.object { writer in
      writer.field(
        "titles",
        array: { writer in
          for id in distinct {
            writer.object { writer in
              writer.field("content_id", id)
              writer.field("title", String(id.map { $0 == "_" ? " " : $0 }))
              writer.field(
                "qualities",
                object: { writer in
                  for entry in titles where entry.title.contentID == id {
                    writer.field(
                      entry.title.quality,
                      object: { writer in
                        writer.field("key", entry.key)
                        writer.field("size", entry.size)
                      })
                  }
                })
            }
          }
        })
    }
    return writer.bytes
  }

  private static let extensions = ["mp4", "m4v", "mkv", "webm", "mov", "avi", "ts", "m2ts", "mpg", "mpeg", "ogv"]

  /// The content id and the quality in a file's name without its extension.
  private static func split(_ name: Substring) -> (contentID: String, quality: String) {
    guard let line = name.lastIndex(of: "_"), line > name.startIndex else { return (String(name), "source") }
    let tail = name[name.index(after: line)...]
    let digits = tail.dropLast()
    let isQuality =
      switch tail.last {
      case "p": (3...4).contains(digits.count)
      case "k", "K": digits.count == 1
      default: false
      }
    guard isQuality, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return (String(name), "source") }
    return (String(name[..<line]), String(tail))
  }
}

extension StartFailure {
  /// What was asked for on the command line cannot be done.
  static func usage(_ why: String) -> StartFailure { StartFailure(status: 64, description: why) }
}
