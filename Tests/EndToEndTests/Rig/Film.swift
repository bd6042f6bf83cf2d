// A film whose pictures say where in it they stand, for tests that look at what a player shows.

import Foundation

/// A film of H.264 in mp4, made once for all tests.
struct Film {
  /// Its length.
  static let seconds = 60
  /// The brightness of the film's upper left corner at a time, 0 to 255, as a browser draws it.
  static func brightness(at time: Double) -> Double { 20 + time * 3.5 }

  /// A film of some 20 MB: noise on the whole picture, which does not compress, and a plain square in its corner
  /// that grows brighter. Its index lies at its end, unless it is to lie at its beginning.
  static func make(indexFirst: Bool) throws -> Bytes {
    let file = Scratch.shared.path("film") + ".mp4"
    let square = "color=black:s=64x64:r=10:d=\(seconds),format=gray,geq=lum='20+T*3.5'"
    let noise = "color=gray:s=320x192:r=10:d=\(seconds),noise=alls=60:allf=t"
    let made = try Program.run(
      "/usr/bin/ffmpeg",
      [
        "-v", "error", "-nostdin", "-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", square,
        // Full range from end to end, so that a brightness is a brightness.
        "-filter_complex",
        "[1]scale=in_range=pc:out_range=tv,format=yuv420p[square];[0][square]overlay=0:0,format=yuv420p",
        "-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-g", "10", "-movflags",
        indexFirst ? "+faststart" : "0", file,
      ])
    guard made.ending == .exited(0) else { throw RigFailure("ffmpeg makes no film: \(made.errors)") }
    defer { try? FileManager.default.removeItem(atPath: file) }
    return try Bytes(file: file)
  }
}

extension Box {
  /// A box with a catalogue of one film, *The grey square*.
  static func withFilm() throws -> (box: Box, film: Title) {
    var film = Title(size: 0)
    film.bytes = try Film.make(indexFirst: true)
    let catalogKey = "catalog-\(film.contentID).json"
    let box = try Box(
      ["origin": ["catalog_key": "\"\(catalogKey)\""], "downloads": ["chunk_size": "\"1MiB\""]], starts: false)
    let catalogue = """
      {"titles":[{"content_id":"\(film.contentID)","title":"The grey square","description":"It grows brighter.",
        "duration_seconds":\(Film.seconds),"qualities":{"720p":{"key":"\(film.key)","size":\(film.size)}}}]}
      """
    try box.origin.put(film)
    try box.origin.put(Bytes(Array(catalogue.utf8)), key: catalogKey)
    try box.start()
    return (box, film)
  }
}
