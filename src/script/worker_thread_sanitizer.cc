// Only in the worker of a ThreadSanitizer build. The distribution's JavaScriptCore, and GLib below
// it, are not instrumented: their locks are made of atomics that the sanitizer cannot see, so each
// hand-over between their threads looks like a race. Our part of the worker has one thread.
// https://github.com/google/sanitizers/wiki/ThreadSanitizerSuppressions

extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libjavascriptcoregtk-4.1.so\n"
         "called_from_lib:libglib-2.0.so\n";
}
