// What the process keeps of memory that it needed for a moment: a small box has better uses for it.

import CSystem

/// How memory is given back.
enum Memory {
  /// Has large pieces go back to the system as soon as they are freed, and few threads have heaps of their own
  /// (`mallopt(3)`).
  ///
  /// The blocks of a fill, 256 KiB each, are no such pieces: they come by the thousand a second, and to map, zero and unmap
  /// each of them took a tenth of a fill's processor time. What one fill has of them at a time may stay.
  static func limitHeaps() { larder_limit_heaps(512 << 10, 4 << 20, 2) }

  /// Lets go of what lies freed between what is in use. It is worth a moment after a crowd has gone.
  static func trim() { larder_trim_heap() }

  /// Lets go of all that nobody needs at this moment, free memory and the code in this process's maps: after the start,
  /// when reading arguments and the configuration and joining 40 libraries has touched 22 MiB of their files, and when
  /// nobody has asked for anything for a while. The kernel takes what nobody has mapped before what somebody uses, so a
  /// small box has it for films; what is used again comes back in some hundred faults, once.
  static func letGo() {
    larder_trim_heap()
    larder_unmap_code()
  }
}
