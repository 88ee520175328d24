// The public header and library from C++: handles in std::unique_ptr, a lambda as callback.
#include <mailknock/mailknock.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

template <auto free_it> struct Free {
    template <typename T> void operator()(T *handle) const { free_it(handle); }
};
using Address = std::unique_ptr<mailknock_address, Free<mailknock_address_free>>;
using Options = std::unique_ptr<mailknock_options, Free<mailknock_options_free>>;
using Result = std::unique_ptr<mailknock_result, Free<mailknock_result_free>>;
using Verifier = std::unique_ptr<mailknock_verifier, Free<mailknock_verifier_free>>;

// Names that the library has inside, too: they must not meet.
extern "C" int buffer_append() { return 1; }
extern "C" int io_connect() { return 2; }
extern "C" int result_write_json() { return 3; }

static int fail(const char *what)
{
    std::fprintf(stderr, "consumer: %s\n", what);
    return 1;
}

int main()
{
    mailknock_address *raw_address = nullptr;
    std::string text = "bob@gmial.com";
    if (mailknock_address_check(text.data(), text.size(), &raw_address) != 0)
        return fail("address_check");
    Address address(raw_address);
    if (std::string("bob@gmail.com") != mailknock_address_suggestion(address.get()))
        return fail("suggestion");

    Options options(mailknock_options_new());
    if (mailknock_options_set(options.get(), "depth", "syntax", nullptr) != 0)
        return fail("options_set");
    mailknock_verifier *raw_verifier = nullptr;
    mailknock_error error;
    if (mailknock_verifier_new(options.get(), &raw_verifier, &error) != 0)
        return fail(error.message);
    Verifier verifier(raw_verifier);

    std::vector<std::string> reasons;
    auto done = [](void *user, int code, mailknock_result *raw) {
        Result result(raw);
        static_cast<std::vector<std::string> *>(user)->push_back(
            code == 0 ? mailknock_result_reason(result.get()) : "no memory");
    };
    for (const char *one : {"a..b@example.org", "x@mailinator.com", "c@example.org"}) {
        std::string s = one;
        if (mailknock_verifier_submit(verifier.get(), s.data(), s.size(), done, &reasons) != 0)
            return fail("submit");
    }
    if (mailknock_verifier_run(verifier.get(), -1) != 0)
        return fail("run");
    if (reasons != std::vector<std::string>{"bad_syntax", "disposable", "not_probed"})
        return fail("reasons");
    return buffer_append() + io_connect() + result_write_json() == 6 ? 0 : 1;
}
