"""The addresses of the API, version 1."""

from django.urls import path, re_path

from executions.api import views
from executions.api.resource import Act, resource
from safety.choices import Scope

app_name = "api"

urlpatterns = [
    path("v1/token", resource(GET=Act(views.token)), name="token"),
    path(
        "v1/executions",
        resource(GET=Act(views.listed, Scope.READ), POST=Act(views.submit, Scope.SUBMIT)),
        name="executions",
    ),
    path(
        "v1/executions/<uuid:execution_id>", resource(GET=Act(views.looked_at, Scope.READ)), name="execution"
    ),
    path(
        "v1/executions/<uuid:execution_id>/cancel",
        resource(POST=Act(views.cancel, Scope.CANCEL)),
        name="cancel",
    ),
    path(
        "v1/executions/<uuid:execution_id>/retry", resource(POST=Act(views.retry, Scope.RETRY)), name="retry"
    ),
    re_path(r"^.*$", resource(), name="nothing"),
]
