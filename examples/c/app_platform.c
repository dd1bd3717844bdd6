/*
 * Runs a project written for Cloudflare: examples/app-platform/worker.js.
 *
 *     app_platform <data directory> [<worker.js>]
 *
 * Has an app generated and visits it twice. The app keeps counting when the program runs again.
 */

#include <facetbox.h>
#include <stdio.h>
#include <stdlib.h>

static void check(facetbox_error_t *error) {
    if (!error) return;
    const facetbox_str_t message = facetbox_error_message(error);
    fprintf(stderr, "%.*s\n", (int)message.len, message.data);
    exit(1);
}

static facetbox_runtime_t *open_runtime(const char *path) {
    facetbox_runtime_t *runtime;
    facetbox_options_t *options = facetbox_options_new();
    check(facetbox_options_set_path(options, facetbox_str(path)));
    check(facetbox_runtime_open(options, &runtime));
    facetbox_options_free(options);
    return runtime;
}

static facetbox_deployment_t *deploy(facetbox_runtime_t *runtime, const char *path) {
    static char source[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    source[fread(source, 1, sizeof source - 1, file)] = '\0';
    fclose(file);

    facetbox_worker_code_t *code;
    facetbox_deployment_t *platform;
    check(facetbox_worker_code_new(facetbox_str("worker.js"), &code));
    check(facetbox_worker_code_add_module(code, facetbox_str("worker.js"), facetbox_str(source)));
    check(facetbox_runtime_deploy(runtime, facetbox_str("app-platform"), code, NULL, &platform));
    facetbox_worker_code_free(code);
    return platform;
}

/* Sends a request, prints the answer, and returns the number in it. */
static int send_request(facetbox_deployment_t *platform, const char *method, const char *url, const char *body) {
    facetbox_request_t *request;
    facetbox_response_t *response;
    char text[100];
    int visits = 0;
    check(facetbox_request_new(facetbox_str(method), facetbox_str(url), &request));
    if (body) {
        const facetbox_bytes_t bytes = {(const uint8_t *)body, strlen(body)};
        check(facetbox_request_set_body(request, bytes));
    }
    check(facetbox_deployment_fetch(platform, request, &response));
    const facetbox_bytes_t answer = facetbox_response_body(response);
    snprintf(text, sizeof text, "%.*s", (int)answer.len, (const char *)answer.data);
    printf("%s", text);
    sscanf(text, "You've made %d requests.", &visits);
    facetbox_response_free(response);
    facetbox_request_free(request);
    return visits;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s <data directory> [<worker.js>]\n", argv[0]);
        return 2;
    }
    facetbox_runtime_t *runtime = open_runtime(argv[1]);
    facetbox_deployment_t *platform = deploy(runtime, argc > 2 ? argv[2] : "examples/app-platform/worker.js");
    send_request(platform, "POST", "http://platform/apps/my-app/prompt", "An app that counts my visits.");
    send_request(platform, "GET", "http://platform/apps/my-app/", NULL);
    const int visits = send_request(platform, "GET", "http://platform/apps/my-app/", NULL);
    printf("PROJECT host=C visits=%d\n", visits);
    facetbox_deployment_free(platform);
    facetbox_runtime_free(runtime);
    return 0;
}
